#include "loadgen/result.hpp"
