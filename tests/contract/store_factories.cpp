#include "tests/contract/store_contract.hpp"
#include "tests/support/memory_store.hpp"

namespace waybill::testing {

namespace {

OpenStore open_memory(Clock& clock) { return {nullptr, std::make_unique<MemoryStore>(clock)}; }

}  // namespace

std::vector<StoreFactory> every_store() { return {{"memory", open_memory}}; }

}  // namespace waybill::testing
