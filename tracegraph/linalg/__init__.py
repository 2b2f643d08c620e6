"""Linear algebra under the names of `torch.linalg`, on stacks of matrices in the last two dimensions.

Decompositions run through NumPy's LAPACK, also in traced functions, and have gradients.
"""

from tracegraph.compiler.ops.contraction import matmul as matmul
from tracegraph.linalg.factors import cholesky as cholesky
from tracegraph.linalg.factors import eigh as eigh
from tracegraph.linalg.factors import eigvalsh as eigvalsh
from tracegraph.linalg.factors import qr as qr
from tracegraph.linalg.factors import svd as svd
from tracegraph.linalg.factors import svdvals as svdvals
from tracegraph.linalg.norms import cond as cond
from tracegraph.linalg.norms import matrix_norm as matrix_norm
from tracegraph.linalg.norms import norm as norm
from tracegraph.linalg.norms import vector_norm as vector_norm
from tracegraph.linalg.products import cross as cross
from tracegraph.linalg.products import diagonal as diagonal
from tracegraph.linalg.products import matrix_exp as matrix_exp
from tracegraph.linalg.products import matrix_power as matrix_power
from tracegraph.linalg.products import multi_dot as multi_dot
from tracegraph.linalg.products import trace as trace
from tracegraph.linalg.products import vander as vander
from tracegraph.linalg.products import vecdot as vecdot
from tracegraph.linalg.pseudo_inverse import lstsq as lstsq
from tracegraph.linalg.pseudo_inverse import matrix_rank as matrix_rank
from tracegraph.linalg.pseudo_inverse import pinv as pinv
from tracegraph.linalg.systems import det as det
from tracegraph.linalg.systems import inv as inv
from tracegraph.linalg.systems import slogdet as slogdet
from tracegraph.linalg.systems import solve as solve
from tracegraph.linalg.systems import solve_triangular as solve_triangular
from tracegraph.runtime.errors import LinAlgError as LinAlgError
