#include "loadgen/pacer.hpp"
