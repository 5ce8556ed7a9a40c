#include "tests/torture/private_disk.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>
#include <sched.h>
#include <string>
#include <unistd.h>

namespace waybill::torture {

namespace {

// As root of a user namespace of its own, where we are not root.
bool enter_namespace() {
    if (::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0) return true;
    const std::string user = std::to_string(::geteuid());
    const std::string group = std::to_string(::getegid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
    std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
    return true;
}

}  // namespace

std::filesystem::path mount_private_disk(std::size_t bytes) {
    std::string folder = (std::filesystem::temp_directory_path() / "waybill-torture-XXXXXX").string();
    if (!enter_namespace() || ::mkdtemp(folder.data()) == nullptr) return {};
    const std::string size = "size=" + std::to_string(bytes);
    const bool is_private = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (is_private && ::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) == 0) return folder;
    ::rmdir(folder.c_str());
    return {};
}

}  // namespace waybill::torture
