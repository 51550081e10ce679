#include "loadgen/io/loop.hpp"
