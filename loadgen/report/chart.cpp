#include "loadgen/report/chart.hpp"
