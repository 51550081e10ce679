#include "loadgen/limits.hpp"
