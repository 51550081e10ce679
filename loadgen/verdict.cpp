#include "loadgen/verdict.hpp"
