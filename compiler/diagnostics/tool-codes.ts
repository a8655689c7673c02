import type { CodeTable } from './code-table.ts';
import { error, warning } from './code-table.ts';

const bug = 'this is a fault of quikc: please report it';
const kernelBug =
  'this is a fault of quikc: please report it with the .cu file, which `quikc compile <model> --no-build -o <dir>` writes';
const shaderBug =
  'this is a fault of quikc: please report it with the .wgsl file, which `quikc compile <model> --target webgpu --no-build -o <dir>` writes';
const install = 'run `quikc toolchain install`, or name an nvcc with --nvcc or QUIKC_NVCC';
const verify = 'run `quikc verify`: it names the instruction that went wrong';

/** Codes of the stages that choose, build and run kernels. */
export const toolCodes: CodeTable = {
  QK601: error('no CUDA compiler', install),
  QK602: error('the CUDA compiler cannot be used', install),
  QK603: error('no host C++ compiler', 'install one, e.g. `apt-get install g++`'),
  QK604: error(
    'no WGSL compiler',
    'run `quikc toolchain install webgpu`, or name the folder of the npm package webgpu with QUIKC_DAWN',
  ),
  QK605: error(
    'the WGSL compiler cannot be used',
    'run `quikc toolchain install webgpu`, or install the npm package webgpu again',
  ),
  QK610: error(
    'no Python',
    'install Python 3 with pip (e.g. `apt-get install python3-pip`), or name an nvcc of your own with QUIKC_NVCC',
  ),
  QK611: error(
    'no pip',
    'install it (e.g. `apt-get install python3-pip`), or name an nvcc of your own with QUIKC_NVCC',
  ),
  QK612: error(
    'download failed',
    'check the network and pip’s index settings (`python3 -m pip config list`), then try again',
  ),
  QK613: error('download damaged', 'try again, or check which package index pip uses'),
  QK614: error('cannot write', 'point QUIKC_CACHE at a folder you can write to'),
  QK615: warning('cache not written', 'point QUIKC_CACHE at a folder you can write to'),
  QK616: error('build interrupted', 'run it again: what was finished is in the cache'),
  QK617: error('not a time', 'give QUIKC_BUILD_TIMEOUT in seconds, or leave it unset'),
  QK618: error(
    'no npm',
    'install it with Node, or name the folder of the npm package webgpu with QUIKC_DAWN',
  ),
  QK620: error('a kernel does not compile', kernelBug),
  QK621: error('the compiler warns of a kernel', kernelBug),
  QK622: error(
    'the compiler took too long',
    'a kernel compiles in seconds; raise the limit with QUIKC_BUILD_TIMEOUT (seconds) if this machine is very slow',
  ),
  QK623: error('the compiler failed', 'run `quikc doctor`; with QUIKC_DEBUG=5 every command is shown'),
  QK624: error('the assembler refuses a kernel', kernelBug),
  QK626: error(
    "the toolchain's output cannot be understood",
    'run `quikc doctor`: the toolchain may be damaged, or newer than this quikc',
  ),
  QK627: error('a shader does not pass', shaderBug),
  QK640: error('the machine code has another kernel', kernelBug),
  QK641: error(
    'wrong number of matrix instructions',
    `a loop was unrolled or dropped unexpectedly: ${kernelBug}`,
  ),
  QK642: error(
    'emulated matrix instruction',
    'choose an instruction that this architecture has, e.g. s8 in place of s4 from sm_90 on',
  ),
  QK643: error('unexpected calls in a kernel', kernelBug),
  QK644: error('registers are spilled', 'a smaller tile or fewer stages need fewer registers'),
  QK645: error('a kernel uses local memory', `an array is indexed by a variable: ${kernelBug}`),
  QK646: error('the assembler changed a kernel', kernelBug),
  QK647: error('too many registers', 'a smaller tile or fewer stages need fewer registers'),
  QK648: error('unexpected static shared memory', kernelBug),
  QK701: error('usage of verify', 'see quikc verify --help'),
  QK702: error('nothing to execute', 'compile again without --no-build'),
  QK703: error(
    'no WebGPU adapter',
    'install a Vulkan driver (without a GPU a software one, e.g. Mesa lavapipe 24 or newer, or SwiftShader) and name its ICD file in VK_ICD_FILENAMES',
  ),
  QK704: error('the adapter was lost', 'run verify again, with fewer tokens (--m) or on another adapter'),
  QK705: error('the adapter has no room', 'verify fewer tokens at once with --m'),
  QK710: error('a kernel cannot be executed', verify),
  QK801: error('no C++ compiler', 'install one, e.g. `apt-get install g++`'),
  QK802: error('the runner does not compile', 'try another C++17 compiler'),
  QK803: error('cannot write', 'free some space, or point QUIKC_CACHE elsewhere'),
  QK810: error('no GPU', 'run this on a machine with an NVIDIA GPU and driver; `quikc verify` needs neither'),
  QK811: error('the GPU refused the work', verify),
  QK812: error('the runner refused its job', bug),
  QK813: error(
    'the runner failed',
    'a kernel that hangs is stopped after the time limit; `quikc verify` finds out why',
  ),
  QK814: error('the runner cannot be understood', bug),
  QK815: error('run interrupted', 'start it again'),
  QK816: error('a kernel wrote outside its buffers', verify),
};
