// A stand-in for libcuda.so.1 in tests: device memory is host memory, every call is logged into $FAKE_LOG, and the
// "kernels" are chosen by name: `add_one` (in, out, n), `overrun` (writes one byte past buffer 0), `fault`, `update`.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

static int pending = 0;
static std::map<void*, std::string> names;

static void log(const std::string& line) {
  if (FILE* file = std::fopen(std::getenv("FAKE_LOG"), "a")) {
    std::fprintf(file, "%s\n", line.c_str());
    std::fclose(file);
  }
}
static int failing(const char* call) {
  const char* which = std::getenv("FAKE_FAIL");
  return which != nullptr && std::strcmp(which, call) == 0 ? 2 : 0;
}

extern "C" {
int cuInit(unsigned) { log("cuInit"); return failing("cuInit") ? 100 : 0; }
int cuDriverGetVersion(int* v) { *v = 13000; return 0; }
int cuDeviceGetCount(int* n) { *n = 1; return 0; }
int cuDeviceGet(int* d, int i) { *d = i; return 0; }
int cuDeviceGetName(char* t, int n, int) { std::snprintf(t, n, "Fake \"GPU\""); return 0; }
int cuDeviceGetAttribute(int* v, int a, int) { *v = a; return 0; }
int cuDeviceTotalMem_v2(size_t* v, int) { *v = size_t{80} << 30; return 0; }
int cuDevicePrimaryCtxRetain(void** c, int) { *c = &pending; log("retain"); return 0; }
int cuCtxSetCurrent(void*) { return 0; }
int cuCtxSynchronize() { log("synchronize"); return pending; }
int cuModuleLoadDataEx(void** m, const void* image, unsigned n, int* options, void** values) {
  log("load " + std::string(static_cast<const char*>(image)));
  if (failing("load")) {
    for (unsigned i = 0; i < n; ++i)
      if (options[i] == 5) std::strcpy(static_cast<char*>(values[i]), "ptxas: bad \"line\"");
    return 218;
  }
  *m = new int(0);
  return 0;
}
int cuModuleGetFunction(void** f, void*, const char* name) {
  log(std::string("function ") + name);
  if (std::strcmp(name, "absent") == 0) return 500;
  *f = new int(0);
  names[*f] = name;
  return 0;
}
int cuFuncGetAttribute(int* v, int a, void*) { *v = 10 * a; return 0; }
int cuFuncSetAttribute(void*, int a, int v) { log("set " + std::to_string(a) + "=" + std::to_string(v)); return v > 232448 ? 1 : 0; }
int cuMemAlloc_v2(unsigned long long* p, size_t n) {
  if (failing("alloc")) return 2;
  *p = reinterpret_cast<unsigned long long>(std::malloc(n));
  log("alloc " + std::to_string(n));
  return 0;
}
int cuMemFree_v2(unsigned long long p) { std::free(reinterpret_cast<void*>(p)); log("free"); return 0; }
int cuEventDestroy_v2(void*) { return 0; }
int cuMemcpyHtoD_v2(unsigned long long p, const void* s, size_t n) { std::memcpy(reinterpret_cast<void*>(p), s, n); return 0; }
int cuMemcpyDtoH_v2(void* d, unsigned long long p, size_t n) { std::memcpy(d, reinterpret_cast<void*>(p), n); return 0; }
int cuMemsetD8_v2(unsigned long long p, unsigned char v, size_t n) { std::memset(reinterpret_cast<void*>(p), v, n); return 0; }
int cuMemsetD8Async(unsigned long long p, unsigned char v, size_t n, void*) { log("flush"); return cuMemsetD8_v2(p, v, n); }
int cuLaunchKernel(void* f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void*, void** parameters, void**) {
  const std::string name = names[f];
  char text[160];
  std::snprintf(text, sizeof text, "launch %s grid %u %u %u block %u %u %u shared %u", name.c_str(), gx, gy, gz, bx, by, bz, shared);
  log(text);
  if (name == "fault") { pending = 700; return 0; }
  if (name == "hang") for (;;) {}
  auto* first = *static_cast<uint8_t**>(parameters[0]);
  if (name == "overrun") first[8] = 1;
  if (name == "update") ++first[0];
  if (name == "add_one") {
    auto* out = *static_cast<uint8_t**>(parameters[1]);
    for (int32_t i = 0; i < *static_cast<int32_t*>(parameters[2]); ++i) out[i] = first[i] + 1;
  }
  if (name == "scalars") {
    std::memcpy(first, parameters[1], 4);       // i32
    std::memcpy(first + 4, parameters[2], 4);   // f32
    std::memcpy(first + 8, parameters[3], 8);   // u64
  }
  return 0;
}
int cuEventCreate(void** e, unsigned) { *e = new int(0); return 0; }
int cuEventRecord(void*, void*) { log("record"); return 0; }
int cuEventSynchronize(void*) { return pending; }
int cuEventElapsedTime(float* ms, void*, void*) { *ms = 0.0125f; return 0; }
int cuGetErrorName(int e, const char** t) { *t = e == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_OTHER"; return 0; }
int cuGetErrorString(int, const char** t) { *t = "as the fake says"; return 0; }
}
