#include "loadgen/model/script.hpp"
