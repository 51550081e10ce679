#include "loadgen/io/attack.hpp"
