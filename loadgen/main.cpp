#include "loadgen/command_line.hpp"

int main(int argc, char** argv) { return sluice::loadgen::command_line(argc, argv); }
