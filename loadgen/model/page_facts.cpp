#include "loadgen/model/page_facts.hpp"
