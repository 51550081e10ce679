#include "loadgen/retry.hpp"
