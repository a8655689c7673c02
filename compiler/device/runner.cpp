// Runs compiled kernels on an NVIDIA GPU and reports what came out, for quikc's conformance.
//
//   runner JOB        (format: job.h; file names in it are relative to the working folder)
//   runner --serve    (reads names of job files from stdin, one a line, until it ends)
//
// Prints one JSON object a job. The outputs are those of the first run, on fresh buffers; timed runs follow. Every
// buffer lies between two guards of a known pattern, so that a write past its end is seen. While it serves, modules
// and buffers that are only read stay on the GPU under the names of their files, which therefore must keep their
// content; after a fault it ends, for a GPU's faults stick to the process.
// Build: g++ -std=c++17 -O2 runner.cpp -o runner -ldl
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>

#include "driver.h"
#include "job.h"

namespace {

constexpr size_t kGuardBytes = 4096;  // keeps the 256-byte alignment that cuMemAlloc gives
constexpr uint8_t kGuardPattern = 0xA5;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += std::string("\\") + c;
    else if (code >= 0x20 && code < 0x7f) out += c;
    else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", code);
      out += escaped;
    }
  }
  return out + "\"";
}

// FNV-1a, 64 bit: enough to compare two runs, or a file with what was downloaded.
uint64_t digestOf(const std::vector<uint8_t>& bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

struct DeviceBuffer {
  CUdeviceptr base = 0;
  CUdeviceptr data = 0;
};

// What outlives a job: the context, modules and read-only buffers by the names of their files.
struct Kept {
  struct Input {
    DeviceBuffer buffer;
    uint64_t bytes = 0;
    uint64_t lastJob = 0;
  };
  int device = -1;
  std::string about;
  uint64_t memory = 0;
  std::map<std::string, CUmodule> modules;
  std::map<std::string, Input> inputs;
  uint64_t inputBytes = 0;
  uint64_t jobs = 0;
  CUdeviceptr flush = 0;
  uint64_t flushBytes = 0;
};

class Runner {
 public:
  Runner(const Driver& driver, const Job& job, Kept& kept) : driver_(driver), job_(job), kept_(kept) { ++kept_.jobs; }

  std::string run() {
    if (kept_.device != job_.device) kept_.about = openDevice();
    kept_.device = job_.device;
    std::string reply = "{\"ok\":true," + kept_.about;
    loadModules();
    reply += "," + loadFunctions();
    uploadBuffers();
    runOnce("run");
    reply += "," + collectOutputs();
    reply += "," + timeRuns() + "}";
    freeBuffers();
    return reply;
  }

 private:
  const Driver& driver_;
  const Job& job_;
  Kept& kept_;
  CUdevice device_ = 0;
  std::vector<CUmodule> modules_;
  std::vector<CUfunction> functions_;
  std::vector<DeviceBuffer> buffers_;
  std::vector<uint64_t> digests_;

  std::string openDevice() {
    const auto noGpu = [&](CUresult result, const char* what) { driver_.check(result, "device", what, kExitNoDriver); };
    int version = 0, count = 0;
    noGpu(driver_.init(0), "cuInit");
    noGpu(driver_.driverVersion(&version), "cuDriverGetVersion");
    noGpu(driver_.deviceCount(&count), "cuDeviceGetCount");
    if (job_.device >= count)
      throw Fault("device", "GPU " + std::to_string(job_.device) + " of " + std::to_string(count), kExitNoDriver);
    noGpu(driver_.deviceGet(&device_, job_.device), "cuDeviceGet");
    char name[256] = {};
    size_t memory = 0;
    noGpu(driver_.deviceName(name, sizeof name - 1, device_), "cuDeviceGetName");
    noGpu(driver_.deviceMemory(&memory, device_), "cuDeviceTotalMem");
    kept_.memory = memory;
    CUcontext context = nullptr;
    noGpu(driver_.contextRetain(&context, device_), "cuDevicePrimaryCtxRetain");
    noGpu(driver_.contextSetCurrent(context), "cuCtxSetCurrent");
    return "\"device\":{\"name\":" + quoted(name) + ",\"driver\":" + std::to_string(version) +
           ",\"capability\":[" + attribute(kCapabilityMajor) + "," + attribute(kCapabilityMinor) +
           "],\"multiprocessors\":" + attribute(kMultiprocessors) + ",\"l2Bytes\":" + attribute(kL2Bytes) +
           ",\"maxSharedBytes\":" + attribute(kMaxSharedBytes) + ",\"memoryBytes\":" + std::to_string(memory) + "}";
  }

  std::string attribute(DeviceAttribute which) {
    int value = 0;
    driver_.check(driver_.deviceAttribute(&value, which, device_), "device", "cuDeviceGetAttribute");
    return std::to_string(value);
  }

  void loadModules() {
    for (const std::string& path : job_.modules) {
      if (const auto known = kept_.modules.find(path); known != kept_.modules.end()) {
        modules_.push_back(known->second);
        continue;
      }
      const std::string image = readBytes(path);  // c_str() ends in the NUL that PTX needs
      std::vector<char> log(64 * 1024, '\0');
      int options[] = {kErrorLog, kErrorLogBytes};
      void* values[] = {log.data(), reinterpret_cast<void*>(log.size() - 1)};
      CUmodule module = nullptr;
      const CUresult result = driver_.moduleLoad(&module, image.c_str(), 2, options, values);
      const std::string said = log[0] == '\0' ? "" : std::string(" (") + log.data() + ")";
      driver_.check(result, "module", "loading " + path + said);
      modules_.push_back(module);
      kept_.modules[path] = module;
    }
  }

  std::string loadFunctions() {
    std::string reply = "\"functions\":[";
    for (const LaunchItem& launch : job_.launches) {
      CUfunction function = nullptr;
      driver_.check(driver_.getFunction(&function, modules_[launch.module], launch.function.c_str()), "module",
                    "no function " + launch.function + " in " + job_.modules[launch.module]);
      // Beyond 48 KiB a kernel must ask; asking for less does no harm.
      if (launch.sharedBytes > 0)
        driver_.check(
            driver_.setFunctionAttribute(function, kDynamicSharedLimit, static_cast<int>(launch.sharedBytes)),
            "launch", launch.function + " wants " + std::to_string(launch.sharedBytes) + " bytes of shared memory");
      int registers = 0, local = 0, shared = 0;
      driver_.check(driver_.functionAttribute(&registers, kRegisters, function), "module", "cuFuncGetAttribute");
      driver_.check(driver_.functionAttribute(&local, kLocalBytes, function), "module", "cuFuncGetAttribute");
      driver_.check(driver_.functionAttribute(&shared, kStaticSharedBytes, function), "module", "cuFuncGetAttribute");
      reply += std::string(functions_.empty() ? "" : ",") + "{\"name\":" + quoted(launch.function) +
               ",\"registers\":" + std::to_string(registers) + ",\"localBytes\":" + std::to_string(local) +
               ",\"staticSharedBytes\":" + std::to_string(shared) + "}";
      functions_.push_back(function);
    }
    return reply + "]";
  }

  static bool isKept(const BufferItem& item) { return !item.inputFile.empty() && item.outputFile.empty(); }

  void uploadBuffers() {
    for (const BufferItem& item : job_.buffers) {
      const auto known = isKept(item) ? kept_.inputs.find(item.inputFile) : kept_.inputs.end();
      if (known != kept_.inputs.end()) {
        known->second.lastJob = kept_.jobs;
        buffers_.push_back(known->second.buffer);
        continue;
      }
      const DeviceBuffer buffer = makeBuffer(item);
      buffers_.push_back(buffer);
      if (!isKept(item)) continue;
      kept_.inputs[item.inputFile] = {buffer, item.bytes, kept_.jobs};
      kept_.inputBytes += item.bytes;
    }
    dropOldInputs();
  }

  DeviceBuffer makeBuffer(const BufferItem& item) {
    const size_t total = item.bytes + 2 * kGuardBytes;
    DeviceBuffer buffer;
    driver_.check(driver_.memoryAllocate(&buffer.base, total), "memory",
                  "allocating " + std::to_string(total) + " bytes");
    buffer.data = buffer.base + kGuardBytes;
    driver_.check(driver_.fillMemory(buffer.base, kGuardPattern, total), "memory", "cuMemsetD8");
    if (item.bytes > 0 && item.inputFile.empty()) {
      driver_.check(driver_.fillMemory(buffer.data, item.fill, item.bytes), "memory", "cuMemsetD8");
    } else if (item.bytes > 0) {
      const std::string content = readBytes(item.inputFile);
      driver_.check(driver_.copyToDevice(buffer.data, content.data(), item.bytes), "memory", "cuMemcpyHtoD");
    }
    return buffer;
  }

  // Kept inputs may take a quarter of the GPU's memory; beyond that those go that no job asked for longest.
  void dropOldInputs() {
    while (kept_.inputBytes > kept_.memory / 4) {
      const auto oldest = std::min_element(kept_.inputs.begin(), kept_.inputs.end(), [](const auto& a, const auto& b) {
        return a.second.lastJob < b.second.lastJob;
      });
      if (oldest == kept_.inputs.end() || oldest->second.lastJob == kept_.jobs) return;
      driver_.check(driver_.memoryFree(oldest->second.buffer.base), "memory", "cuMemFree");
      kept_.inputBytes -= oldest->second.bytes;
      kept_.inputs.erase(oldest);
    }
  }

  void freeBuffers() {
    for (size_t i = 0; i < buffers_.size(); ++i)
      if (!isKept(job_.buffers[i])) driver_.check(driver_.memoryFree(buffers_[i].base), "memory", "cuMemFree");
  }

  void launchAll() {
    for (size_t i = 0; i < job_.launches.size(); ++i) {
      const LaunchItem& launch = job_.launches[i];
      std::vector<uint64_t> values;  // 8 bytes each: the driver reads as many as the parameter has, little-endian
      for (const Argument& argument : launch.arguments)
        values.push_back(argument.isBuffer ? buffers_[argument.value].data : argument.value);
      std::vector<void*> pointers;
      for (uint64_t& value : values) pointers.push_back(&value);
      driver_.check(driver_.launchKernel(functions_[i], launch.grid[0], launch.grid[1], launch.grid[2],
                                         launch.block[0], launch.block[1], launch.block[2], launch.sharedBytes,
                                         nullptr, pointers.data(), nullptr),
                    "launch", "launching " + launch.function);
    }
  }

  void runOnce(const char* stage) {
    launchAll();
    driver_.check(driver_.synchronize(), stage, "the kernel failed");
  }

  std::vector<uint8_t> download(size_t index) {
    std::vector<uint8_t> bytes(job_.buffers[index].bytes);
    if (!bytes.empty())
      driver_.check(driver_.copyToHost(bytes.data(), buffers_[index].data, bytes.size()), "memory", "cuMemcpyDtoH");
    return bytes;
  }

  bool guardsIntact(size_t index) {
    for (const CUdeviceptr at : {buffers_[index].base, buffers_[index].data + job_.buffers[index].bytes}) {
      std::vector<uint8_t> guard(kGuardBytes);
      driver_.check(driver_.copyToHost(guard.data(), at, guard.size()), "memory", "cuMemcpyDtoH");
      if (std::any_of(guard.begin(), guard.end(), [](uint8_t byte) { return byte != kGuardPattern; })) return false;
    }
    return true;
  }

  std::string collectOutputs() {
    std::string reply = "\"outputs\":[";
    std::string overwritten;
    for (size_t i = 0; i < job_.buffers.size(); ++i) {
      if (!guardsIntact(i)) overwritten += (overwritten.empty() ? "" : ",") + std::to_string(i);
      const std::string& path = job_.buffers[i].outputFile;
      if (path.empty()) continue;
      const std::vector<uint8_t> bytes = download(i);
      std::ofstream file(path, std::ios::binary);
      file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      file.close();
      if (!file) throw Fault("output", "cannot write " + path, kExitJob);
      char digest[24];
      std::snprintf(digest, sizeof digest, "%016" PRIx64, digestOf(bytes));
      reply += std::string(digests_.empty() ? "" : ",") + "{\"buffer\":" + std::to_string(i) +
               ",\"bytes\":" + std::to_string(bytes.size()) + ",\"fnv1a64\":\"" + digest + "\"}";
      digests_.push_back(digestOf(bytes));
    }
    return reply + "],\"overwrittenGuards\":[" + overwritten + "]";
  }

  // Untimed runs, then timed ones; a memset over more than the L2 cache before each gives every run cold inputs.
  std::string timeRuns() {
    if (job_.flushBytes > kept_.flushBytes && job_.repeat > 0) {
      if (kept_.flush != 0) driver_.check(driver_.memoryFree(kept_.flush), "memory", "cuMemFree");
      driver_.check(driver_.memoryAllocate(&kept_.flush, job_.flushBytes), "memory", "allocating the flush buffer");
      kept_.flushBytes = job_.flushBytes;
    }
    const CUdeviceptr flush = job_.flushBytes > 0 ? kept_.flush : 0;
    CUevent start = nullptr, stop = nullptr;
    driver_.check(driver_.eventCreate(&start, 0), "timing", "cuEventCreate");
    driver_.check(driver_.eventCreate(&stop, 0), "timing", "cuEventCreate");
    for (unsigned i = 0; i < job_.warmup; ++i) runOnce("timing");
    std::string times;
    for (unsigned i = 0; i < job_.repeat; ++i) {
      if (flush != 0)
        driver_.check(driver_.fillMemoryAsync(flush, static_cast<unsigned char>(i), job_.flushBytes, nullptr),
                      "timing", "cuMemsetD8Async");
      driver_.check(driver_.eventRecord(start, nullptr), "timing", "cuEventRecord");
      launchAll();
      driver_.check(driver_.eventRecord(stop, nullptr), "timing", "cuEventRecord");
      driver_.check(driver_.eventSynchronize(stop), "timing", "the kernel failed");
      float milliseconds = 0;
      driver_.check(driver_.eventElapsed(&milliseconds, start, stop), "timing", "cuEventElapsedTime");
      char text[32];
      std::snprintf(text, sizeof text, "%s%.3f", i == 0 ? "" : ",", milliseconds * 1000.0);
      times += text;
    }
    driver_.check(driver_.eventDestroy(start), "timing", "cuEventDestroy");
    driver_.check(driver_.eventDestroy(stop), "timing", "cuEventDestroy");
    return "\"timesUs\":[" + times + "],\"stable\":" + (outputsStable() ? "true" : "false");
  }

  // Whether the outputs are the same after all the runs: not so for kernels that update a buffer in place.
  bool outputsStable() {
    size_t at = 0;
    for (size_t i = 0; i < job_.buffers.size(); ++i)
      if (!job_.buffers[i].outputFile.empty() && digestOf(download(i)) != digests_[at++]) return false;
    return true;
  }
};

std::string runJob(const std::string& path, std::unique_ptr<Driver>& driver, Kept& kept) {
  const Job job = readJob(path);
  checkFiles(job);
  if (driver == nullptr) driver = std::make_unique<Driver>();
  return Runner(*driver, job, kept).run();
}

}  // namespace

int main(int count, char** words) {
  try {
    if (count != 2) throw Fault("job", "usage: runner JOB, or runner --serve", kExitJob);
    std::unique_ptr<Driver> driver;
    Kept kept;
    if (words[1] != std::string("--serve")) {
      std::printf("%s\n", runJob(words[1], driver, kept).c_str());
      return 0;
    }
    for (std::string path; std::getline(std::cin, path);) {
      std::printf("%s\n", runJob(path, driver, kept).c_str());
      std::fflush(stdout);
    }
    return 0;
  } catch (const Fault& fault) {
    std::printf("{\"ok\":false,\"stage\":%s,\"error\":%s}\n", quoted(fault.stage).c_str(), quoted(fault.what()).c_str());
    return fault.exitCode;
  } catch (const std::exception& error) {
    std::printf("{\"ok\":false,\"stage\":\"internal\",\"error\":%s}\n", quoted(error.what()).c_str());
    return 70;
  }
}
