#include <new>

#include "cli/commands.hpp"
#include "cli/out_of_memory.hpp"

int main(int argc, char** argv) {
    std::set_new_handler(waybill::cli::end_without_memory);
    return waybill::cli::run_command_line(argc, argv);
}
