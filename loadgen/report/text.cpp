#include "loadgen/report/text.hpp"
