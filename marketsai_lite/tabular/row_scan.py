"""The maximum of a row of 16, by vector instructions.

Numba compiles a search for the first maximizer to a scalar loop with a branch that is hard to
predict. These few instructions for LLVM load 16 entries at once instead; a shorter row is padded
with -inf, and no entry may be NaN. An array is C-contiguous, and `start` and `k` are flat indices.

Numba's cache on disk notices changes of a kernel's own file only: after a change here, delete the
package's __pycache__ folders.
"""

from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

from marketsai_lite.tabular.compiled import njit

LANES = 16
intrinsic: Any = extending.intrinsic  # its annotations count the typing context as an argument


@intrinsic
def row_max(typingctx, q, start):
    """First maximizer, maximum and second largest of the 16 entries from `start` on."""

    def codegen(context, builder, signature, args):
        row = _load(context, builder, signature, args)
        best, a = _reduce(builder, row)
        second, _ = _reduce(builder, _without(builder, row, a))
        a = builder.zext(a, ir.IntType(64))
        return context.make_tuple(builder, signature.return_type, [a, best, second])

    return types.Tuple((start, types.float64, types.float64))(q, start), codegen


@intrinsic
def prefetch(typingctx, array, k):
    """Ask for the cache line of the entry with flat index k."""

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        )
        address = builder.bitcast(builder.gep(data, [args[1]]), byte)
        builder.call(function, [address, *(ir.Constant(i32, x) for x in (0, 3, 1))])
        return context.get_dummy_value()

    return types.none(array, k), codegen


@njit(cache=True)
def scan(q, start, width):
    """First maximizer, maximum and second largest of `width` entries, a multiple of LANES."""
    a, best, second = row_max(q, start)
    for block in range(LANES, width, LANES):
        b, top, next_top = row_max(q, start + block)
        if top > best:
            a, best, second = block + b, top, max(best, next_top)
        else:
            second = max(second, top)
    return a, best, second


@intrinsic
def row_max_but(typingctx, q, start, lane):
    """First maximizer and maximum of the 16 entries from `start` on, leaving out number `lane`."""

    def codegen(context, builder, signature, args):
        row = _load(context, builder, signature, args)
        lane = builder.trunc(args[2], ir.IntType(16))
        best, a = _reduce(builder, _without(builder, row, lane))
        a = builder.zext(a, ir.IntType(64))
        return context.make_tuple(builder, signature.return_type, [a, best])

    return types.Tuple((start, types.float64))(q, start, lane), codegen


def _vector(element):
    return ir.VectorType(element, 16)


def _load(context, builder, signature, args):
    """The 16 entries of the array args[0] from args[1] on."""
    array = context.make_array(signature.args[0])(context, builder, args[0])
    pointer = builder.gep(array.data, [args[1]])
    row = builder.load(builder.bitcast(pointer, _vector(ir.DoubleType()).as_pointer()))
    row.align = 8
    return row


def _splat(builder, x):
    """A vector of 16 times x."""
    undefined = ir.Constant(_vector(x.type), ir.Undefined)
    first = builder.insert_element(undefined, x, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_vector(ir.IntType(32)), [0] * 16))


def _without(builder, row, lane):
    """The row with -inf in one lane."""
    lanes = ir.Constant(_vector(ir.IntType(16)), list(range(16)))
    hit = builder.icmp_unsigned("==", lanes, _splat(builder, lane))
    return builder.select(hit, ir.Constant(row.type, [float("-inf")] * 16), row)


def _reduce(builder, row):
    """The maximum of a row and its first lane (16-bit)."""
    maximum = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.DoubleType(), [row.type]),
        "llvm.vector.reduce.fmax.v16f64",
    )
    best = builder.call(maximum, [row], fastmath=["nnan", "nsz"])  # no entry is ever NaN
    hits = builder.fcmp_ordered("==", row, _splat(builder, best))
    a = builder.cttz(builder.bitcast(hits, ir.IntType(16)), ir.Constant(ir.IntType(1), 1))
    return best, a
