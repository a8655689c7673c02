// A thread of `quikc eval`: computes the channels of each product, in float64 or of codes, that are its own.
import { serveWork } from '../support/work-pool.ts';
import { runEvaluateJob } from './evaluate-job.ts';

serveWork(runEvaluateJob);
