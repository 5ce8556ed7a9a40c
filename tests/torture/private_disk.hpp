// A small file system in memory that only this process and its children see, so that it can be full.
#pragma once

#include <filesystem>

namespace waybill::torture {

// Call it before there are threads. Empty where the kernel does not let us.
[[nodiscard]] std::filesystem::path mount_private_disk(std::size_t bytes);

}  // namespace waybill::torture
