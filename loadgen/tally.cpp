#include "loadgen/tally.hpp"
