#include "loadgen/report/live.hpp"
