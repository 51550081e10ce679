#include "loadgen/io/scrape.hpp"
