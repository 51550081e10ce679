#include "loadgen/run.hpp"
