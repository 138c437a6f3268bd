#include "client/control/commands.hpp"

int main(int argc, char** argv) {
  return surang::client::run_command_line(argc, argv);
}
