// A thread of a multiply pool.
import { performProduct } from '../../linear-algebra/product.ts';
import { serveTasks } from '../../linear-algebra/serve-tasks.ts';

serveTasks(performProduct);
