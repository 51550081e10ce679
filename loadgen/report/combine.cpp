#include "loadgen/report/combine.hpp"
