#include "loadgen/report/html.hpp"
