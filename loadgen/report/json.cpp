#include "loadgen/report/json.hpp"
