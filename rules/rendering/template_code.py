"""The Python that a template becomes: Jinja's own, with three differences.

* A text literal in an expression is ``Authored`` (made once, when the template is loaded), so that what the author
  wrote stays Markdown; everything printed goes through ``environment.finalize``, call and filter blocks included.
* Joining (``~``), comparing, slicing and looping go through the environment, which charges for them.
* The names a template needs from outside are collected while the code is written (``outer_names``).

Nothing is computed at load: no constant folding, which would run unbounded operations before any budget exists.
"""

# ruff: noqa: N802  - Jinja calls visitors by the names of its nodes

from __future__ import annotations

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame, operators
from jinja2.idtracking import VAR_LOAD_RESOLVE


class TemplateCode(CodeGenerator):
    """Writes the code of one template. ``outer_names`` are the names it looks up in its context."""

    def __init__(self, environment: object, name: str | None, filename: str | None) -> None:
        super().__init__(environment, name, filename, optimized=False)  # type: ignore[arg-type]
        self.outer_names: set[str] = set()
        self._literals: dict[str, str] = {}

    def enter_frame(self, frame: Frame) -> None:
        """Note the names that the frame takes from the context."""
        super().enter_frame(frame)
        for action, name in frame.symbols.loads.values():
            if action == VAR_LOAD_RESOLVE and name is not None:
                self.outer_names.add(name)

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        """The whole module; the literals stand at its end, where all of them are known."""
        super().visit_Template(node, frame)
        for text, name in self._literals.items():
            self.writeline(f"{name} = environment.authored({text!r})")

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:
        """A constant; text becomes a reference to its ``Authored`` form."""
        if isinstance(node.value, str):
            self.write(self._literals.setdefault(node.value, f"literal_{len(self._literals)}"))
        else:
            super().visit_Const(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """The code of ``a ~ b``."""
        self.write("environment.joined((")
        for member in node.nodes:
            self.visit(member, frame)
            self.write(", ")
        self.write("))")

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        """``a == b``, ``a in b``; charged for where a side may be large."""
        if len(node.ops) == 1 and node.ops[0].op in ("in", "notin"):
            self.write("(environment.contains(" if node.ops[0].op == "in" else "(not environment.contains(")
            self.visit(node.ops[0].expr, frame)
            self.write(", ")
            self.visit(node.expr, frame)
            self.write("))")
            return
        self.write("(")
        self.visit(node.expr, frame)
        for operand in node.ops:
            self.write(f" {operators[operand.op]} ")
            if isinstance(operand.expr, nodes.Const):
                self.visit(operand.expr, frame)
            else:
                self._write_through("weighed", operand.expr, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        """``{a: b}``; hashing the keys is charged for."""
        self.write("{")
        for pair in node.items:
            if isinstance(pair.key, nodes.Const):
                self.visit(pair.key, frame)
            else:
                self._write_through("hashed", pair.key, frame)
            self.write(": ")
            self.visit(pair.value, frame)
            self.write(", ")
        self.write("}")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:
        """``(a, b)``; one within another becomes a list, for hashing nested ones can take unbounded time."""
        if node.ctx != "load" or all(isinstance(item, nodes.Const) for item in node.items):
            super().visit_Tuple(node, frame)
            return
        self.write("environment.flat(")
        super().visit_Tuple(node, frame)
        self.write(")")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        """``a[b]``; a slice goes through the environment too."""
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write("environment.cut(")
        self.visit(node.node, frame)
        for bound in (node.arg.start, node.arg.stop, node.arg.step):
            self.write(", ")
            if bound is None:
                self.write("None")
            else:
                self.visit(bound, frame)
        self.write(")")

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        """``{% for %}``; each turn is charged."""
        counted = nodes.EnvironmentAttribute("counted", lineno=node.lineno, environment=self.environment)
        call = nodes.Call(counted, [node.iter], [], None, None, lineno=node.lineno, environment=self.environment)
        node.iter = call
        super().visit_For(node, frame)

    def visit_Import(self, node: nodes.Import, frame: Frame) -> None:
        """``{% import %}``; what is imported sees what the importing template sees."""
        node.with_context = True
        super().visit_Import(node, frame)

    def visit_FromImport(self, node: nodes.FromImport, frame: Frame) -> None:
        """The code of ``{% from %}``, likewise."""
        node.with_context = True
        super().visit_FromImport(node, frame)

    def visit_CallBlock(self, node: nodes.CallBlock, frame: Frame) -> None:
        """``{% call %}``; its result is printed like any other value."""
        call_frame, macro_ref = self.macro_body(node, frame)
        self.writeline("caller = ")
        self.macro_def(macro_ref, call_frame)
        self.start_write(frame, node)
        self.write("environment.finalize(")
        self.visit_Call(node.call, frame, forward_caller=True)
        self.write(")")
        self.end_write(frame)

    def visit_FilterBlock(self, node: nodes.FilterBlock, frame: Frame) -> None:
        """``{% filter %}``; its result is printed like any other value."""
        filter_frame = frame.inner()
        filter_frame.symbols.analyze_node(node)
        self.enter_frame(filter_frame)
        self.buffer(filter_frame)
        self.blockvisit(node.body, filter_frame)
        self.start_write(frame, node)
        self.write("environment.finalize(")
        self.visit_Filter(node.filter, filter_frame)
        self.write(")")
        self.end_write(frame)
        self.leave_frame(filter_frame)

    def _make_finalize(self) -> CodeGenerator._FinalizeInfo:
        return self._FinalizeInfo(None, "environment.finalize(")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write("environment.finalize(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write(")")

    def _write_through(self, function: str, node: nodes.Expr, frame: Frame) -> None:
        self.write(f"environment.{function}(")
        self.visit(node, frame)
        self.write(")")
