#include "loadgen/io/socket.hpp"
