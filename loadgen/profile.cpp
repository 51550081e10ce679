#include "loadgen/profile.hpp"
