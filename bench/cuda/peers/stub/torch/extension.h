// Ours: stands in for PyTorch's header of this name, so that QUIK's sources
// compile without PyTorch. Only torch::Half and torch::BFloat16 reach a
// kernel, and they behave as c10::Half and c10::BFloat16 do: every operation
// is done in float and rounded back. Everything else exists so that QUIK's
// host functions parse; our launchers replace those, and nothing calls them.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string>
#include <tuple>
#include <type_traits>

namespace torch {

struct alignas(2) Half {
  unsigned short bits;
  Half() = default;
  __host__ __device__ Half(__half v) : bits(__half_as_ushort(v)) {}
  __host__ __device__ Half(float v) : Half(__float2half(v)) {}
  __host__ __device__ operator __half() const { return __ushort_as_half(bits); }
  __host__ __device__ operator float() const {
    return __half2float(__ushort_as_half(bits));
  }
};
__host__ __device__ inline Half operator*(Half a, Half b) {
  return Half(static_cast<float>(a) * static_cast<float>(b));
}
__host__ __device__ inline Half operator+(Half a, Half b) {
  return Half(static_cast<float>(a) + static_cast<float>(b));
}

struct alignas(2) BFloat16 {
  unsigned short bits;
  BFloat16() = default;
  __host__ __device__ BFloat16(__nv_bfloat16 v)
      : bits(__bfloat16_as_ushort(v)) {}
  __host__ __device__ operator __nv_bfloat16() const {
    return __ushort_as_bfloat16(bits);
  }
  __host__ __device__ operator float() const {
    return __bfloat162float(__ushort_as_bfloat16(bits));
  }
};

enum class Dtype { UInt8, Int8, Int32, Half, BFloat16 };
constexpr Dtype kUInt8 = Dtype::UInt8;
constexpr Dtype kInt8 = Dtype::Int8;
constexpr Dtype kInt32 = Dtype::Int32;
constexpr Dtype kHalf = Dtype::Half;
constexpr Dtype kFloat16 = Dtype::Half;
constexpr Dtype kF16 = Dtype::Half;
constexpr Dtype kBFloat16 = Dtype::BFloat16;

struct Device {};
struct Options {
  Options device(Device) const { return *this; }
};
inline Options dtype(Dtype) { return {}; }

struct Tensor {
  int64_t size(int) const { return 0; }
  int64_t numel() const { return 0; }
  int element_size() const { return 0; }
  Dtype dtype() const { return Dtype::Half; }
  Device device() const { return {}; }
  template <typename T>
  T* data_ptr() const {
    return nullptr;
  }
};
struct TensorArg {
  TensorArg(const Tensor&, const char*, int) {}
};
inline Tensor empty(std::initializer_list<int64_t>, Options) { return {}; }
inline Tensor empty_like(const Tensor&) { return {}; }
inline void checkAllSameGPU(const char*, std::initializer_list<TensorArg>) {}
inline void checkSize(const char*, TensorArg, int64_t, int64_t) {}

}  // namespace torch

#define TORCH_CHECK(condition, ...) static_cast<void>(condition)
