// The CUDA driver API, resolved at run time: the runner builds without CUDA headers and starts without a driver.
// Prototypes and numbers are those of cuda.h, which keeps them for ever.
#pragma once
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "job.h"

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;

enum DeviceAttribute : int {
  kMultiprocessors = 16,
  kL2Bytes = 38,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
  kMaxSharedBytes = 97,
};
enum FunctionAttribute : int { kStaticSharedBytes = 1, kLocalBytes = 3, kRegisters = 4, kDynamicSharedLimit = 8 };
enum JitOption : int { kErrorLog = 5, kErrorLogBytes = 6 };

// Name in this file, symbol in the library, parameters. Nothing is freed: the process ends after one job.
#define QUIKC_DRIVER_CALLS(X)                                                                                      \
  X(init, "cuInit", (unsigned))                                                                                    \
  X(driverVersion, "cuDriverGetVersion", (int*))                                                                   \
  X(deviceCount, "cuDeviceGetCount", (int*))                                                                       \
  X(deviceGet, "cuDeviceGet", (CUdevice*, int))                                                                    \
  X(deviceName, "cuDeviceGetName", (char*, int, CUdevice))                                                         \
  X(deviceAttribute, "cuDeviceGetAttribute", (int*, int, CUdevice))                                                \
  X(deviceMemory, "cuDeviceTotalMem_v2", (size_t*, CUdevice))                                                      \
  X(contextRetain, "cuDevicePrimaryCtxRetain", (CUcontext*, CUdevice))                                             \
  X(contextSetCurrent, "cuCtxSetCurrent", (CUcontext))                                                             \
  X(synchronize, "cuCtxSynchronize", ())                                                                           \
  X(moduleLoad, "cuModuleLoadDataEx", (CUmodule*, const void*, unsigned, int*, void**))                            \
  X(getFunction, "cuModuleGetFunction", (CUfunction*, CUmodule, const char*))                                      \
  X(functionAttribute, "cuFuncGetAttribute", (int*, int, CUfunction))                                              \
  X(setFunctionAttribute, "cuFuncSetAttribute", (CUfunction, int, int))                                            \
  X(memoryAllocate, "cuMemAlloc_v2", (CUdeviceptr*, size_t))                                                       \
  X(memoryFree, "cuMemFree_v2", (CUdeviceptr))                                                                     \
  X(copyToDevice, "cuMemcpyHtoD_v2", (CUdeviceptr, const void*, size_t))                                           \
  X(copyToHost, "cuMemcpyDtoH_v2", (void*, CUdeviceptr, size_t))                                                   \
  X(fillMemory, "cuMemsetD8_v2", (CUdeviceptr, unsigned char, size_t))                                             \
  X(fillMemoryAsync, "cuMemsetD8Async", (CUdeviceptr, unsigned char, size_t, CUstream))                            \
  X(launchKernel, "cuLaunchKernel",                                                                                \
    (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void**, void**))  \
  X(eventCreate, "cuEventCreate", (CUevent*, unsigned))                                                            \
  X(eventDestroy, "cuEventDestroy_v2", (CUevent))                                                                  \
  X(eventRecord, "cuEventRecord", (CUevent, CUstream))                                                             \
  X(eventSynchronize, "cuEventSynchronize", (CUevent))                                                             \
  X(eventElapsed, "cuEventElapsedTime", (float*, CUevent, CUevent))                                                \
  X(errorName, "cuGetErrorName", (CUresult, const char**))                                                         \
  X(errorString, "cuGetErrorString", (CUresult, const char**))

class Driver {
 public:
#define QUIKC_DECLARE(name, symbol, parameters) CUresult(*name) parameters = nullptr;
  QUIKC_DRIVER_CALLS(QUIKC_DECLARE)
#undef QUIKC_DECLARE

  Driver() {
    const char* named = std::getenv("QUIKC_LIBCUDA");  // a stand-in for tests, or an unusual place
    const std::string path = named != nullptr && *named != '\0' ? named : "libcuda.so.1";
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw Fault("driver", std::string("no CUDA driver: ") + dlerror(), kExitNoDriver);
#define QUIKC_RESOLVE(name, symbol, parameters) resolve(library, symbol, name);
    QUIKC_DRIVER_CALLS(QUIKC_RESOLVE)
#undef QUIKC_RESOLVE
  }

  void check(CUresult result, const std::string& stage, const std::string& what, int exitCode = kExitDevice) const {
    if (result == 0) return;
    const char* name = nullptr;
    const char* text = nullptr;
    errorName(result, &name);
    errorString(result, &text);
    throw Fault(stage,
                what + ": " + (name ? name : "error " + std::to_string(result)) + (text ? std::string(" (") + text + ")" : ""),
                exitCode);
  }

 private:
  template <typename Call>
  static void resolve(void* library, const char* symbol, Call& call) {
    call = reinterpret_cast<Call>(dlsym(library, symbol));
    if (call == nullptr)
      throw Fault("driver", std::string("the CUDA driver has no ") + symbol + ": too old?", kExitNoDriver);
  }
};
