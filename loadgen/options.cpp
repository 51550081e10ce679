#include "loadgen/options.hpp"
