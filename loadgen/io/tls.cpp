#include "loadgen/io/tls.hpp"
