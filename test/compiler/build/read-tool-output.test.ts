import { describe, expect, test } from 'vitest';
import { describeKernels } from '../../../compiler/build/describe-kernels.ts';
import { normalisePtx } from '../../../compiler/build/normalise-ptx.ts';
import { nvccDiagnostics } from '../../../compiler/build/parse-compiler-messages.ts';
import { parsePtxasReport } from '../../../compiler/build/parse-ptxas-report.ts';
import { readCubin } from '../../../compiler/build/read-cubin.ts';
import { goodReport } from './fake-toolchain.ts';
import { makeCubin } from './make-cubin.ts';

describe('parsePtxasReport', () => {
  // Real output of ptxas 13.0 for a kernel that spills.
  const spilling = `ptxas warning : Local memory used for function 'k', size of stack frame: 352 bytes
ptxas warning : Registers are spilled to local memory in function 'k', 396 bytes spill stores, 400 bytes spill loads
ptxas info    : 0 bytes gmem
ptxas info    : (C7511) Potential Performance Loss: wgmma.mma_async instructions are serialized in the function 'k'
ptxas info    : Compiling entry function 'k' for 'sm_80'
ptxas info    : Function properties for k
    352 bytes stack frame, 396 bytes spill stores, 400 bytes spill loads
ptxas info    : Used 32 registers, used 1 barriers, 352 bytes cumulative stack size, 1024 bytes smem, 360 bytes cmem[0]
ptxas info    : Function properties for _Zf
    8 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads`;

  test('reads every number', () => {
    const numbers = {
      registers: 32,
      stackBytes: 352,
      spillStoreBytes: 396,
      spillLoadBytes: 400,
      barriers: 1,
    };
    const { kernels, warnings } = parsePtxasReport(spilling);
    expect(kernels).toEqual([{ symbol: 'k', ...numbers, staticSharedBytes: 1024 }]);
    expect(warnings).toEqual([]);
  });

  test('finds notes and foreign warnings', () => {
    expect(parsePtxasReport(spilling).notes).toEqual([expect.stringMatching(/^\(C7511\) Potential/)]);
    const text = 'ptxas warning : Something new';
    expect(parsePtxasReport(text).warnings).toEqual(['Something new']);
    expect(parsePtxasReport('ptxas k.ptx, line 3; warning : Odd').warnings).toEqual(['Odd']);
  });

  test('leaves out a kernel that is not reported to its end', () => {
    expect(parsePtxasReport(spilling.split('\n').slice(0, 7).join('\n')).kernels).toEqual([]);
  });
});

describe('readCubin', () => {
  const cubin = makeCubin({
    symbol: 'k',
    words: [0x7237, 0x723c, 0x7944, 0x7918, 0x7918, 0xabc1ff],
    subroutines: ['$sub'],
  });

  test('counts opcodes and names subroutines', () => {
    expect(readCubin(cubin)).toEqual({
      ok: true,
      value: [
        {
          symbol: 'k',
          instructions: 6,
          opcodes: { '0x1ff': 1, CALL: 1, HMMA: 1, IMMA: 1, NOP: 2 },
          subroutines: ['$sub'],
        },
      ],
    });
  });

  test('refuses a file cut off anywhere', () => {
    for (let length = 0; length < cubin.length; length += 1)
      expect(readCubin(cubin.subarray(0, length)).ok, `${length} of ${cubin.length}`).toBe(false);
  });

  test('refuses other files', () => {
    expect(readCubin(Buffer.from('#!/bin/sh')).ok).toBe(false);
  });

  test('a kernel that ptxas reports must be in it', () => {
    expect(describeKernels('sm_80', makeCubin({ symbol: 'other', words: [0x94d] }), goodReport).ok).toBe(
      false,
    );
    expect(describeKernels('sm_80', cubin, '').ok).toBe(false);
    expect(describeKernels('sm_80', cubin, `ptxas warning : odd\n${goodReport}`).ok).toBe(false);
  });

  test('a note about another function is not held against this one', () => {
    const notes = (text: string) => {
      const described = describeKernels('sm_80', cubin, `${text}\n${goodReport}`);
      return described.ok && described.value[0]!.notes.length;
    };
    expect(notes("ptxas info : (C7511) serialized in the function 'other'")).toBe(0);
    expect(notes("ptxas info : (C7511) serialized in the function 'k'")).toBe(1);
    expect(notes("ptxas info : (C7508) 'setmaxnreg' ignored")).toBe(1);
  });
});

describe('normalisePtx', () => {
  test('takes paths and the working-folder digest out, in symbols and in debug bytes across lines', () => {
    const name = '_ZN27_INTERNAL_56fb1131_4_k_cu_k1gEi';
    const codes = (text: string) => [...text].map((letter) => letter.charCodeAt(0)).join(',');
    const ptx = [
      '\t.file\t1 "/src/k.cu"',
      '\t.file\t2 "/opt/cuda/bin/..//include/cuda_fp16.hpp", 1700000000, 99',
      `.func ${name}()`,
      `.b8 ${codes(name.slice(0, 18))}`,
      `.b8 ${codes(name.slice(18))},0`,
      '.b8 1,2,3',
      '',
    ];
    const renamed = name.replace('56fb1131', 'abcdef01');
    expect(normalisePtx(ptx.join('\n'), 'k.cu', 'abcdef01').split('\n')).toEqual([
      '\t.file\t1 "k.cu"',
      '\t.file\t2 "<cuda_fp16.hpp>"',
      `.func ${renamed}()`,
      `.b8 ${codes(renamed.slice(0, 18))}`,
      `.b8 ${codes(renamed.slice(18))},0`,
      '.b8 1,2,3',
      '',
    ]);
  });
});

describe('nvccDiagnostics', () => {
  test.each([
    ['k.cu(7): error: expected a ";"', 'QK620', 7, 'expected a ";"'],
    ['k.cu(7): error #20014-D: calling a __host__ function', 'QK620', 7, 'calling a __host__ function'],
    ['k.cu(3): warning #177-D: variable "x" was declared', 'QK621', 3, 'variable "x" was declared'],
    [
      'k.cu:1:10: fatal error: nope.h: No such file or directory',
      'QK620',
      1,
      'nope.h: No such file or directory',
    ],
    ['/x/fp16.hpp(9): error: bad', 'QK620', undefined, 'bad (in /x/fp16.hpp)'],
    [
      "nvcc fatal   : Unsupported gpu architecture 'compute_10'",
      'QK620',
      undefined,
      "Unsupported gpu architecture 'compute_10'",
    ],
  ])('%s', (text, code, line, message) => {
    const found = nvccDiagnostics('k', `noise\n${text}\n  source line\n     ^\n`);
    expect(found).toMatchObject([{ code, message, file: 'k.cu' }]);
    expect(found[0]!.line).toBe(line);
  });
});
