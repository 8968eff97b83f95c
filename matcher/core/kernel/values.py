"""Teach numba the values that kernel functions see: memory, blocks, rows, texts and numpy arrays.

All are bare addresses (a block also knows its length), so nothing is counted and nothing is boxed.
Reading a field widens it to int64; writing one cuts it down. Every load and store names its field
to LLVM (TBAA), so the compiler knows that writing an event can't change an order, and the addresses
of the blocks are loaded as invariants: they stay in registers through everything.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.datamodel import models
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import NativeValue, lower_builtin, register_model, unbox

from matcher.core.blocks import Block, blocks_of
from protocol.layout import Record

CHECKED = bool(config.BOUNDSCHECK)  # type: ignore[attr-defined]
I8 = ir.IntType(8)
I64 = ir.IntType(64)


class MemoryType(types.Type):
    """The table of blocks: address and length of each, as pairs of int64."""

    def __init__(self, memory: type) -> None:
        self.blocks = {block.name: (index, block) for index, block in enumerate(blocks_of(memory))}
        super().__init__(f"Memory({memory.__module__}.{memory.__qualname__})")


class TableType(types.Type):
    """A block of rows: its address and length."""

    def __init__(self, record: type[Record]) -> None:
        self.record = record
        super().__init__(f"Table({record.__module__}.{record.__qualname__})")


class NumbersType(types.Type):
    """A block of plain numbers: its address and length."""

    def __init__(self, name: str, dtype: np.dtype[Any]) -> None:
        self.bits = dtype.itemsize * 8
        super().__init__(f"Numbers({name},{dtype})")
        self.name_of_block = name


class RowType(types.Type):
    """The address of one row."""

    def __init__(self, record: type[Record]) -> None:
        self.record = record
        super().__init__(f"Row({record.__module__}.{record.__qualname__})")


class TextType(types.Type):
    """The address of one text field, of so many words."""

    def __init__(self, field: str, words: int) -> None:
        self.field = field
        self.words = words
        super().__init__(f"Text({field},{words})")


class ArrayType(types.Type):
    """The address of a numpy array: of the Python object, not of its data."""

    def __init__(self) -> None:
        super().__init__("ArrayObject")


register_model(ArrayType)(models.OpaqueModel)
register_model(MemoryType)(models.OpaqueModel)
register_model(RowType)(models.OpaqueModel)
register_model(TextType)(models.OpaqueModel)


@unbox(ArrayType)
def _take_array(_typ: ArrayType, array: Any, _context: Any) -> NativeValue:
    """Take an array as it is passed; numba's own way in counts references and copies six fields."""
    return NativeValue(array)


@register_model(TableType)
@register_model(NumbersType)
class _BlockModel(models.StructModel):
    def __init__(self, manager: Any, typ: types.Type) -> None:
        super().__init__(manager, typ, [("data", types.voidptr), ("length", types.int64)])


def _type_of_block(block: Block) -> types.Type:
    if block.record is None:
        return NumbersType(block.name, block.dtype)
    return RowType(block.record) if block.single else TableType(block.record)


@infer_getattr
class _MemoryAttribute(AttributeTemplate):
    key = MemoryType

    def generic_resolve(  # type: ignore[override]
        self, memory: MemoryType, name: str
    ) -> types.Type | None:
        return _type_of_block(memory.blocks[name][1]) if name in memory.blocks else None


@infer_getattr
class _RowAttribute(AttributeTemplate):
    key = RowType

    def generic_resolve(  # type: ignore[override]
        self, row: RowType, name: str
    ) -> types.Type | None:
        fields = dict(row.record.fields)
        if name not in fields:
            return None
        if fields[name].kind != "S":
            return types.int64
        return TextType(_name_of(row.record, name), fields[name].itemsize // 8)


def at_offset(builder: Any, pointer: Any, offset: Any) -> Any:
    """Add bytes to an address."""
    return builder.gep(pointer, [offset], inbounds=True)


def _named(builder: Any, instruction: Any, name: str) -> Any:
    """Tell LLVM which field an access belongs to: accesses of different fields never overlap."""
    if not name:
        return instruction
    module = builder.module
    root = module.add_metadata([ir.MetaDataString(module, "openbourse")])
    node = module.add_metadata([ir.MetaDataString(module, name), root, I64(0)])
    instruction.set_metadata("tbaa", module.add_metadata([node, node, I64(0)]))
    return instruction


def _name_of(record: type[Record], name: str) -> str:
    """Name a field to the compiler; "": it overlaps other records' fields (`words.py`)."""
    return "" if getattr(record, "untagged", False) else f"{record.__qualname__}.{name}"


def load(builder: Any, place: Any, kind: Any, name: str) -> Any:
    """Load an integer of type `kind` from the field `name`."""
    loaded = builder.load(builder.bitcast(place, kind.as_pointer()), align=kind.width // 8)
    return _named(builder, loaded, name)


def store(builder: Any, value: Any, place: Any, name: str) -> None:
    """Store an integer into the field `name`."""
    typed = builder.bitcast(place, value.type.as_pointer())
    _named(builder, builder.store(value, typed, align=value.type.width // 8), name)


def _constant(builder: Any, pointer: Any, index: int, kind: Any) -> Any:
    """Load word `index` of the table of blocks, which never changes while compiled code runs."""
    place = builder.bitcast(at_offset(builder, pointer, I64(index * 8)), kind.as_pointer())
    loaded = builder.load(place, align=8)
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded


@lower_getattr_generic(MemoryType)
def _load_block(context: Any, builder: Any, typ: MemoryType, value: Any, name: str) -> Any:
    index, block = typ.blocks[name]
    pointer = cgutils.voidptr_t
    address = _constant(builder, value, 2 * index, pointer)
    if block.single:
        return address
    made = cgutils.create_struct_proxy(_type_of_block(block))(context, builder)
    made.data = address
    made.length = _constant(builder, value, 2 * index + 1, I64)
    return made._getvalue()  # noqa: SLF001


@lower_getattr_generic(RowType)
def _load_field(context: Any, builder: Any, typ: RowType, value: Any, name: str) -> Any:
    dtype, offset = typ.record.dtype.fields[name][:2]  # type: ignore[index]
    place = at_offset(builder, value, I64(offset))
    if dtype.kind == "S":
        return place
    kind = ir.IntType(dtype.itemsize * 8)
    loaded = load(builder, place, kind, _name_of(typ.record, name))
    if kind.width == 64:
        return loaded
    return builder.zext(loaded, I64) if dtype.kind == "u" else builder.sext(loaded, I64)


@lower_setattr_generic(RowType)
def _store_field(context: Any, builder: Any, sig: Any, args: Any, name: str) -> None:
    record = sig.args[0].record
    dtype, offset = record.dtype.fields[name][:2]
    value = context.cast(builder, args[1], sig.args[1], types.int64)
    if dtype.itemsize < 8:
        value = builder.trunc(value, ir.IntType(dtype.itemsize * 8))
    store(builder, value, at_offset(builder, args[0], I64(offset)), _name_of(record, name))


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        block = args[0]
        if isinstance(block, TableType):
            return signature(RowType(block.record), block, types.int64)
        return (
            signature(types.int64, block, types.int64) if isinstance(block, NumbersType) else None
        )


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if not isinstance(args[0], NumbersType):
            return None
        return signature(types.none, args[0], types.int64, types.int64)


def _place(context: Any, builder: Any, typ: Any, block: Any, index: Any, size: int) -> Any:
    """Compute the address of element `index`; with NUMBA_BOUNDSCHECK raise when it is outside."""
    proxy = cgutils.create_struct_proxy(typ)(context, builder, value=block)
    if CHECKED:
        with cgutils.if_unlikely(builder, builder.icmp_unsigned(">=", index, proxy.length)):
            context.call_conv.return_user_exc(builder, IndexError, (f"outside of {typ}",))
    return at_offset(builder, proxy.data, builder.mul(index, I64(size)))


@lower_builtin(operator.getitem, TableType, types.int64)
def _take_row(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    table = sig.args[0]
    return _place(context, builder, table, args[0], args[1], table.record.dtype.itemsize)


@lower_builtin(operator.getitem, NumbersType, types.int64)
def _take_number(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    numbers = sig.args[0]
    place = _place(context, builder, numbers, args[0], args[1], numbers.bits // 8)
    loaded = load(builder, place, ir.IntType(numbers.bits), numbers.name_of_block)
    return loaded if numbers.bits == 64 else builder.zext(loaded, I64)


@lower_builtin(operator.setitem, NumbersType, types.int64, types.int64)
def _put_number(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    numbers = sig.args[0]
    place = _place(context, builder, numbers, args[0], args[1], numbers.bits // 8)
    value = args[2] if numbers.bits == 64 else builder.trunc(args[2], ir.IntType(numbers.bits))
    store(builder, value, place, numbers.name_of_block)
    return context.get_dummy_value()
