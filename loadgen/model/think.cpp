#include "loadgen/model/think.hpp"
