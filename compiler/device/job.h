// A job file: what to load, which buffers to make, what to launch. One item a line, words separated by blanks:
//
//   quikc-job 1
//   device 0                                      which GPU (default 0)
//   module kernel.ptx                             PTX or cubin; numbered from 0
//   buffer 4096 file b0.in -                      bytes, initial content, file for the result or "-"
//   buffer 64 fill 255 b1.out
//   launch 0 my_kernel 32 1 1 128 1 1 49152       module, function, grid, block, dynamic shared bytes
//   arg buffer 0                                  arguments of the launch above, in order
//   arg i32 2048                                  also u32, i64, u64, f32
//   warmup 3 / repeat 20 / flush 134217728        timing: untimed and timed runs, bytes overwritten before each
//   end                                           last line: without it the file was cut off
//
// File names have no blanks: the client makes them up. All launches run in order; together they are one run.
#pragma once
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

struct Fault : std::runtime_error {
  std::string stage;
  int exitCode;
  Fault(std::string where, const std::string& what, int code)
      : std::runtime_error(what), stage(std::move(where)), exitCode(code) {}
};

constexpr int kExitJob = 2;       // the job file or one of its inputs is at fault
constexpr int kExitNoDriver = 3;  // no usable driver or no GPU
constexpr int kExitDevice = 4;    // a driver call failed: bad module, launch or kernel

struct BufferItem {
  uint64_t bytes = 0;
  std::string inputFile;  // empty: filled with `fill`
  uint8_t fill = 0;
  std::string outputFile;  // empty: not downloaded
};

struct Argument {
  bool isBuffer = false;
  uint64_t value = 0;  // a buffer's index, or the bits of a scalar
};

struct LaunchItem {
  size_t module = 0;
  std::string function;
  unsigned grid[3] = {1, 1, 1};
  unsigned block[3] = {1, 1, 1};
  unsigned sharedBytes = 0;
  std::vector<Argument> arguments;
};

struct Job {
  int device = 0;
  std::vector<std::string> modules;
  std::vector<BufferItem> buffers;
  std::vector<LaunchItem> launches;
  unsigned warmup = 0;
  unsigned repeat = 0;
  uint64_t flushBytes = 0;
  bool complete = false;
};

// Reads one line's words; every complaint names the line.
class LineReader {
 public:
  LineReader(const std::string& text, int number) : words_(text), number_(number) {}

  [[noreturn]] void refuse(const std::string& what) const {
    throw Fault("job", "line " + std::to_string(number_) + ": " + what, kExitJob);
  }
  std::string word(const char* what) {
    std::string text;
    if (!(words_ >> text)) refuse(std::string("missing ") + what);
    return text;
  }
  // Decimal only; strtoull alone would take "-1", "0x" and a number with a tail.
  uint64_t number(const char* what, uint64_t highest) {
    const std::string text = word(what);
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos)
      refuse(std::string(what) + " is not a number: " + text);
    const uint64_t value = std::strtoull(text.c_str(), nullptr, 10);  // 2^64-1 where it would not fit
    if (value > highest) refuse(std::string(what) + " is too large: " + text);
    return value;
  }
  void end() {
    std::string extra;
    if (words_ >> extra) refuse("unexpected " + extra);
  }

 private:
  std::istringstream words_;
  int number_;
};

inline uint64_t readScalar(LineReader& line, const std::string& type) {
  const std::string text = line.word("value");
  char* rest = nullptr;
  errno = 0;
  uint64_t bits = 0;
  if (type == "f32") {
    const float value = std::strtof(text.c_str(), &rest);
    std::memcpy(&bits, &value, sizeof value);
  } else if (type == "i32" || type == "i64") {
    const long long value = std::strtoll(text.c_str(), &rest, 10);
    if (type == "i32" && value != static_cast<int32_t>(value)) line.refuse("not an i32: " + text);
    bits = static_cast<uint64_t>(value);
  } else if (type == "u32" || type == "u64") {
    if (text[0] == '-') line.refuse("not unsigned: " + text);
    bits = std::strtoull(text.c_str(), &rest, 10);
    if (type == "u32" && bits > UINT32_MAX) line.refuse("not a u32: " + text);
  } else {
    line.refuse("unknown argument type " + type);
  }
  if (rest == text.c_str() || *rest != '\0' || errno != 0) line.refuse("not a number: " + text);
  return bits;
}

inline void readItem(Job& job, const std::string& item, LineReader& line) {
  constexpr uint64_t kMaxBytes = uint64_t{1} << 40;
  if (item == "device") {
    job.device = static_cast<int>(line.number("device", 1023));
  } else if (item == "module") {
    job.modules.push_back(line.word("file"));
  } else if (item == "buffer") {
    BufferItem buffer;
    buffer.bytes = line.number("bytes", kMaxBytes);
    const std::string source = line.word("source");
    if (source == "file") buffer.inputFile = line.word("file");
    else if (source == "fill") buffer.fill = static_cast<uint8_t>(line.number("fill", 255));
    else line.refuse("a buffer's source is file or fill, not " + source);
    const std::string output = line.word("output file or -");
    if (output != "-") buffer.outputFile = output;
    job.buffers.push_back(buffer);
  } else if (item == "launch") {
    LaunchItem launch;
    launch.module = line.number("module", 1u << 20);
    if (launch.module >= job.modules.size()) line.refuse("no such module");
    launch.function = line.word("function");
    for (unsigned& extent : launch.grid) extent = static_cast<unsigned>(line.number("grid", INT32_MAX));
    for (unsigned& extent : launch.block) extent = static_cast<unsigned>(line.number("block", 1024));
    launch.sharedBytes = static_cast<unsigned>(line.number("shared bytes", INT32_MAX));
    job.launches.push_back(launch);
  } else if (item == "arg") {
    if (job.launches.empty()) line.refuse("an argument before any launch");
    Argument argument;
    const std::string type = line.word("type");
    argument.isBuffer = type == "buffer";
    argument.value = argument.isBuffer ? line.number("buffer", 1u << 20) : readScalar(line, type);
    if (argument.isBuffer && argument.value >= job.buffers.size()) line.refuse("no such buffer");
    job.launches.back().arguments.push_back(argument);
  } else if (item == "warmup") {
    job.warmup = static_cast<unsigned>(line.number("warmup", 1u << 20));
  } else if (item == "repeat") {
    job.repeat = static_cast<unsigned>(line.number("repeat", 1u << 20));
  } else if (item == "flush") {
    job.flushBytes = line.number("flush", kMaxBytes);
  } else if (item == "end") {
    job.complete = true;
  } else {
    line.refuse("unknown item " + item);
  }
  line.end();
}

inline Job readJob(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Fault("job", "cannot read " + path, kExitJob);
  Job job;
  std::string text;
  int number = 0;
  while (std::getline(file, text)) {
    LineReader line(text, ++number);
    std::string item;
    std::istringstream(text) >> item;
    if (item.empty()) continue;
    if (job.complete) line.refuse("text after the end line");
    line.word("item");
    if (number == 1) {
      if (item != "quikc-job" || line.number("version", UINT32_MAX) != 1) line.refuse("not a quikc-job 1 file");
      continue;
    }
    readItem(job, item, line);
  }
  if (!job.complete) throw Fault("job", path + " is cut off: no end line", kExitJob);
  return job;
}

// What can be found wrong with a job's files without a GPU is found before the driver is touched.
inline void checkFiles(const Job& job) {
  for (const std::string& module : job.modules)
    if (!std::ifstream(module)) throw Fault("job", "cannot read " + module, kExitJob);
  for (const BufferItem& buffer : job.buffers) {
    if (buffer.inputFile.empty()) continue;
    std::ifstream file(buffer.inputFile, std::ios::binary | std::ios::ate);
    if (!file) throw Fault("job", "cannot read " + buffer.inputFile, kExitJob);
    const auto found = static_cast<uint64_t>(file.tellg());
    if (found != buffer.bytes)
      throw Fault("job",
                  buffer.inputFile + " has " + std::to_string(found) + " bytes, not " + std::to_string(buffer.bytes),
                  kExitJob);
  }
}

inline std::string readBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Fault("job", "cannot read " + path, kExitJob);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}
