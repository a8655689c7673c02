/** One line of `quikc doctor`. `fail`: building kernels will not work; `warn`: something optional is missing. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly fix?: string;
}
