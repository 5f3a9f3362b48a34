// SPDX-License-Identifier: Apache-2.0
#include "symbols.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>

namespace simt {
namespace {

struct module_location {
  std::uintptr_t base = 0;
  std::string path;
};

module_location find_module(const void* address) {
  struct query {
    std::uintptr_t address;
    module_location found;
  } q{reinterpret_cast<std::uintptr_t>(address), {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& wanted = *static_cast<query*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if (header.p_type != PT_LOAD) continue;
          if (wanted.address - (info->dlpi_addr + header.p_vaddr) < header.p_memsz) {
            wanted.found = {info->dlpi_addr,
                            info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe"};
            return 1;
          }
        }
        return 0;
      },
      &q);
  return q.found;
}

// The module of this load address.
module_location module_at(const void* base) {
  module_location wanted{reinterpret_cast<std::uintptr_t>(base), {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& module = *static_cast<module_location*>(data);
        if (info->dlpi_addr != module.base) return 0;
        module.path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";
        return 1;
      },
      &wanted);
  return wanted;
}

// The symbol table of one ELF file. Only its two sections are read: programs can be large.
class symbol_table {
 public:
  explicit symbol_table(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    ElfW(Ehdr) header;
    if (!read(file, 0, &header, sizeof header) ||
        std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
      return;
    }
    for (unsigned i = 0; i < header.e_shnum; ++i) {
      ElfW(Shdr) section, names;
      if (!read(file, header.e_shoff + i * sizeof section, &section, sizeof section)) return;
      if (section.sh_type != SHT_SYMTAB) continue;
      if (!read(file, header.e_shoff + section.sh_link * sizeof names, &names, sizeof names))
        return;
      symbols_.resize(section.sh_size / sizeof(ElfW(Sym)));
      names_.resize(names.sh_size);
      if (!read(file, section.sh_offset, symbols_.data(), symbols_.size() * sizeof(ElfW(Sym))) ||
          !read(file, names.sh_offset, names_.data(), names_.size())) {
        symbols_.clear();
      }
      return;
    }
  }

  template <class Visit>  // visit(type, name, value, size)
  void for_each(Visit visit) const {
    for (const ElfW(Sym) & symbol : symbols_) {
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= names_.size()) continue;
      visit(symbol.st_info & 0xF, std::string_view(names_.data() + symbol.st_name), symbol.st_value,
            symbol.st_size);
    }
  }

 private:
  static bool read(std::ifstream& file, std::size_t offset, void* into, std::size_t bytes) {
    return file.seekg(static_cast<std::streamoff>(offset)) &&
           file.read(static_cast<char*>(into), static_cast<std::streamsize>(bytes));
  }

  std::vector<ElfW(Sym)> symbols_;
  std::vector<char> names_;
};

// Read once per module and kept. The caller holds lookup_mutex().
const symbol_table& table_of(const std::string& path) {
  static auto& known = *new std::map<std::string, symbol_table>;
  return known.try_emplace(path, path).first->second;
}

std::string demangled(const std::string& name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

// A static `v` of function _Z<f> is the thread-local symbol _ZZ<f>E1v. One with a guard variable
// (_ZGVZ...) has an initialiser, which shared memory can not have: not ours.
std::map<std::string, shared_variable> shared_statics(const symbol_table& table) {
  std::map<std::string, shared_variable> statics;
  table.for_each([&](int type, std::string_view name, std::uintptr_t value, std::size_t size) {
    if (type == STT_TLS && name.starts_with("_ZZ") && !name.starts_with("_ZZNSt") &&
        !name.starts_with("_ZZN4simt")) {
      statics.emplace(name, shared_variable{value, size});
    }
  });
  table.for_each([&](int type, std::string_view name, std::uintptr_t, std::size_t) {
    if (type == STT_TLS && name.starts_with("_ZGVZ")) {
      statics.erase("_Z" + std::string(name.substr(4)));
    }
  });
  return statics;
}

std::mutex& lookup_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Device functions that declare shared memory can not be told from those that this kernel does not
// call. Filling all of them is only affordable, and only done, for small ones.
constexpr std::size_t small_variable_bytes = 4096;
constexpr std::size_t small_variables_in_all = 32 * 1024;

kernel_symbols look_up(const void* kernel) {
  kernel_symbols result;
  const module_location module = find_module(kernel);
  if (module.path.empty()) return result;
  result.module = reinterpret_cast<const void*>(module.base);
  const symbol_table& table = table_of(module.path);

  std::string mangled;
  table.for_each([&](int type, std::string_view name, std::uintptr_t value, std::size_t) {
    if (type == STT_FUNC && module.base + value == reinterpret_cast<std::uintptr_t>(kernel)) {
      mangled = name;
    }
  });
  if (mangled.empty()) return result;
  result.name = demangled(mangled);

  const std::map<std::string, shared_variable> statics = shared_statics(table);
  const std::string own_prefix =
      "_ZZ" + (mangled.starts_with("_Z") ? mangled.substr(2) : mangled) + "E";
  std::vector<shared_variable> small;
  std::size_t small_bytes = 0;
  for (const auto& [name, variable] : statics) {
    if (name.starts_with(own_prefix)) {
      result.variables.push_back(variable);
      result.static_shared_bytes += variable.bytes;
    } else if (variable.bytes <= small_variable_bytes) {
      small.push_back(variable);
      small_bytes += variable.bytes;
    }
  }
  if (small_bytes <= small_variables_in_all) {
    result.variables.insert(result.variables.end(), small.begin(), small.end());
  }
  return result;
}

}  // namespace

const kernel_symbols& symbols_of(const void* kernel) {
  static auto& known = *new std::map<const void*, std::unique_ptr<kernel_symbols>>;
  std::lock_guard lock(lookup_mutex());
  auto& entry = known[kernel];
  if (!entry) entry = std::make_unique<kernel_symbols>(look_up(kernel));
  return *entry;
}

bool is_program_data(const void* address) {
  return !find_module(address).path.empty();
}

std::vector<named_shared_variable> all_shared_variables(const void* module) {
  std::lock_guard lock(lookup_mutex());
  std::vector<named_shared_variable> result;
  const module_location location = module_at(module);
  if (location.path.empty()) return result;
  for (const auto& [mangled, variable] : shared_statics(table_of(location.path))) {
    const std::string full = demangled(mangled);
    const std::size_t scope = full.rfind("::");
    result.push_back(
        {variable.offset, variable.bytes, scope == full.npos ? full : full.substr(scope + 2)});
  }
  return result;
}

std::vector<thread_segment> thread_segments() {
  std::vector<thread_segment> segments;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
          static_cast<std::vector<thread_segment>*>(data)->push_back(
              {reinterpret_cast<const void*>(info->dlpi_addr),
               static_cast<char*>(info->dlpi_tls_data), info->dlpi_phdr[i].p_memsz});
        }
        return 0;
      },
      &segments);
  return segments;
}

}  // namespace simt
