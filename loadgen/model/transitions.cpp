#include "loadgen/model/transitions.hpp"
