#include "bridge-server/control/cli.hpp"

int main(int argc, char** argv) {
  return surang::bridge::run_cli(argc, argv);
}
