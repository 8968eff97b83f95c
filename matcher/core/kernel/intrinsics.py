"""What kernel functions can do that Python can't say: texts, hashes, bits, fences, prefetches.

Each is a few LLVM instructions and has a twin in `interpreted.py`, which gives its signature and is
used when nothing is compiled.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from matcher.core import interpreted
from matcher.core.blocks import Table
from matcher.core.kernel.values import (
    I64,
    MemoryType,
    NumbersType,
    RowType,
    TableType,
    TextType,
    at_offset,
    load,
    store,
)
from protocol.layout import Record

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M")

INTERPRETED = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]
I1 = ir.IntType(1)
I32 = ir.IntType(32)


def _twin(compiled: Any, plain: Callable[P, R]) -> Callable[P, R]:
    """Choose between machine code and its interpreted twin; the twin gives the signature."""
    return plain if INTERPRETED else cast("Callable[P, R]", compiled)


def _words(builder: Any, text: Any, kind: TextType) -> list[Any]:
    places = [at_offset(builder, text, I64(8 * word)) for word in range(kind.words)]
    return [load(builder, place, I64, kind.field) for place in places]


@intrinsic
def _copy_text(_typing: Any, to: Any, source: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        for word, value in enumerate(_words(builder, args[1], sig.args[1])):
            store(builder, value, at_offset(builder, args[0], I64(8 * word)), sig.args[0].field)
        return context.get_dummy_value()

    return types.none(to, source), generate


@intrinsic
def _same_text(_typing: Any, left: Any, right: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pairs = zip(
            _words(builder, args[0], sig.args[0]),
            _words(builder, args[1], sig.args[1]),
            strict=True,
        )
        different = I64(0)
        for one, other in pairs:
            different = builder.or_(different, builder.xor(one, other))
        return builder.icmp_signed("==", different, I64(0))

    return types.boolean(left, right), generate


@intrinsic
def _has_text(_typing: Any, text: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        first = _words(builder, args[0], sig.args[0])[0]
        return builder.icmp_signed("!=", first, I64(0))

    return types.boolean(text), generate


def _folded(builder: Any, one: Any, other: Any) -> Any:
    """Multiply to 128 bits, xor the halves, drop the sign: a good mix in three instructions."""
    wide = ir.IntType(128)
    product = builder.mul(builder.zext(one, wide), builder.zext(other, wide))
    high = builder.trunc(builder.lshr(product, wide(64)), I64)
    return builder.and_(builder.xor(builder.trunc(product, I64), high), I64((1 << 63) - 1))


def _folded_words(builder: Any, seed: Any, words: list[Any]) -> Any:
    for word, key in zip(words, interpreted.KEYS, strict=True):
        seed = _folded(builder, builder.xor(seed, word), I64(key))
    return seed


@intrinsic
def _fold(_typing: Any, one: Any, other: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _folded(builder, args[0], args[1])

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _fold_text(_typing: Any, seed: Any, text: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _folded_words(builder, args[0], _words(builder, args[1], sig.args[1]))

    return types.int64(types.int64, text), generate


@intrinsic
def _fold_either(_typing: Any, seed: Any, text: Any, other: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        texts = [_words(builder, args[at], sig.args[at]) for at in (1, 2)]
        words = [builder.or_(*pair) for pair in zip(*texts, strict=True)]
        return _folded_words(builder, args[0], words)

    return types.int64(types.int64, text, other), generate


def _bit_counter(name: str) -> Any:
    @intrinsic
    def count(_typing: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            function = builder.module.declare_intrinsic(
                f"llvm.{name}", [I64], ir.FunctionType(I64, [I64, I1])
            )
            return builder.call(function, [args[0], I1(1)])

        return types.int64(types.int64), generate

    return count


@intrinsic
def _fence(_typing: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.fence("release")
        return context.get_dummy_value()

    return types.none(), generate


@intrinsic
def _prefetch(_typing: Any, block: Any, index: Any, line: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        typ = sig.args[0]
        size = typ.bits // 8 if isinstance(typ, NumbersType) else typ.record.dtype.itemsize
        proxy = cgutils.create_struct_proxy(typ)(context, builder, value=args[0])
        offset = builder.add(builder.mul(args[1], I64(size)), builder.mul(args[2], I64(64)))
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, I32, I32, I32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
        builder.call(function, [at_offset(builder, proxy.data, offset), I32(1), I32(3), I32(1)])
        return context.get_dummy_value()

    return types.none(block, types.int64, types.int64), generate


def _clear_row(_typing: Any, row: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = I64(sig.args[0].record.dtype.itemsize)
        cgutils.memset(builder, args[0], size, 0)
        return context.get_dummy_value()

    return types.none(row), generate


@intrinsic
def _copy_row(_typing: Any, to: Any, source: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = I64(sig.args[0].record.dtype.itemsize)
        cgutils.raw_memcpy(builder, args[0], args[1], size, 1)
        return context.get_dummy_value()

    return types.none(to, source), generate


def _word_of(builder: Any, address: Any, offset: int) -> Any:
    """Load a word of a Python object."""
    place = builder.bitcast(at_offset(builder, address, I64(offset)), I64.as_pointer())
    return builder.load(place, align=8)


@intrinsic
def _array_address(_typing: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _word_of(builder, args[0], interpreted.ARRAY_DATA)

    return types.int64(array), generate


@intrinsic
def _array_length(_typing: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        shape = _word_of(builder, args[0], interpreted.ARRAY_SHAPE)
        return _word_of(builder, builder.inttoptr(shape, cgutils.voidptr_t), 0)

    return types.int64(array), generate


def memory_at(memory: type[M]) -> Callable[[int], M]:
    """Make the function that turns the address of a table of blocks into `core`."""

    @intrinsic
    def at(_typing: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], cgutils.voidptr_t)

        return MemoryType(memory)(types.int64), generate

    return interpreted.memory_at if INTERPRETED else cast("Callable[[int], M]", at)


def words_of(record: type[R]) -> Callable[[object], R]:
    """Make the function that views a row as `record`, another layout of the same bytes."""

    @intrinsic
    def view(_typing: Any, row: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return args[0]

        return RowType(cast("type[Record]", record))(row), generate

    return interpreted.words_of(record) if INTERPRETED else cast("Callable[[object], R]", view)


def rows_at(record: type[R]) -> Callable[[int, int], Table[R]]:
    """Make the function that turns an address and a count into a block of rows of `record`."""

    @intrinsic
    def at(_typing: Any, address: Any, count: Any) -> Any:
        table = TableType(cast("type[Record]", record))

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            made = cgutils.create_struct_proxy(table)(context, builder)
            made.data = builder.inttoptr(args[0], cgutils.voidptr_t)
            made.length = args[1]
            return made._getvalue()  # noqa: SLF001

        return table(types.int64, types.int64), generate

    return (
        interpreted.rows_at(record) if INTERPRETED else cast("Callable[[int, int], Table[R]]", at)
    )


array_address = _twin(_array_address, interpreted.array_address)
array_length = _twin(_array_length, interpreted.array_length)
copy_text = _twin(_copy_text, interpreted.copy_text)
same_text = _twin(_same_text, interpreted.same_text)
has_text = _twin(_has_text, interpreted.has_text)
fold = _twin(_fold, interpreted.fold)
fold_either = _twin(_fold_either, interpreted.fold_either)
fold_text = _twin(_fold_text, interpreted.fold_text)
zeros_below = _twin(_bit_counter("cttz"), interpreted.zeros_below)
zeros_above = _twin(_bit_counter("ctlz"), interpreted.zeros_above)
fence = _twin(_fence, interpreted.fence)
prefetch = _twin(_prefetch, interpreted.prefetch)
clear_row = _twin(intrinsic(_clear_row), interpreted.clear_row)
copy_row = _twin(_copy_row, interpreted.copy_row)
