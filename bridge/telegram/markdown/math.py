"""Simple formulas of TeX as plain text. Pure.

`x^2` becomes x², `\\alpha` α, `\\frac{a}{b}` a/b; on any doubt the source is better than a guess.
"""

import re


def _table(text: str) -> dict[str, str]:
    """Names and what they stand for, one after the other."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_SYMBOLS = _table(
    """
    alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι
    kappa κ lambda λ mu μ nu ν xi ξ pi π rho ρ sigma σ varsigma ς tau τ upsilon υ phi φ varphi φ
    chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ
    Omega Ω times × div ÷ cdot · pm ± mp ∓ ast ∗ star ⋆ circ ∘ bullet • le ≤ leq ≤ ge ≥ geq ≥
    leqslant ≤ geqslant ≥ ne ≠ neq ≠ approx ≈ equiv ≡ sim ∼ simeq ≃ cong ≅ propto ∝ ll ≪ gg ≫
    in ∈ notin ∉ ni ∋ subset ⊂ subseteq ⊆ supset ⊃ supseteq ⊇ cup ∪ cap ∩ setminus ∖ emptyset ∅
    varnothing ∅ forall ∀ exists ∃ nexists ∄ neg ¬ lnot ¬ land ∧ wedge ∧ lor ∨ vee ∨ to →
    rightarrow → leftarrow ← leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ implies ⇒
    iff ⇔ mapsto ↦ uparrow ↑ downarrow ↓ infty ∞ partial ∂ nabla ∇ sum ∑ prod ∏ int ∫ oint ∮
    hbar ℏ ell ℓ Re ℜ Im ℑ aleph ℵ angle ∠ perp ⊥ parallel ∥ mid ∣ nmid ∤ therefore ∴ because ∵
    ldots … dots … cdots ⋯ vdots ⋮ prime ′ degree ° oplus ⊕ otimes ⊗ langle ⟨ rangle ⟩ lfloor ⌊
    rfloor ⌋ lceil ⌈ rceil ⌉ colon : lbrace { rbrace } lVert ‖ rVert ‖ vert | Vert ‖ square □
    blacksquare ■ checkmark ✓ dagger † models ⊨ vdash ⊢ top ⊤ bot ⊥
    """
)
_SPACES = {",": "\u2009", ";": " ", ":": " ", "!": "", " ": " ", "\\": "\n"}
_WIDE = {"quad": "\u2003", "qquad": "\u2003\u2003"}
_NAMES = frozenset(
    """
    sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp lim max min sup inf
    det dim ker gcd arg deg Pr
    """.split()  # noqa: SIM905  # a list of words reads better than a column of strings
)
_PLAIN = frozenset(
    """
    text mathrm textbf textit textrm mathbf mathit mathsf operatorname mbox boxed boldsymbol
    """.split()  # noqa: SIM905
)
_NOTHING = frozenset(
    "left right big Big bigg Bigg displaystyle textstyle limits nolimits".split()  # noqa: SIM905
)
_DOUBLE = _table("C ℂ H ℍ N ℕ P ℙ Q ℚ R ℝ Z ℤ")
_ACCENTS = {
    "hat": "\u0302",
    "bar": "\u0304",
    "vec": "\u20d7",
    "tilde": "\u0303",
    "dot": "\u0307",
    "overline": "\u0305",
}
_SUPER = dict(
    zip(
        "0123456789+-=()abcdefghijklmnoprstuvwxyzT′",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀ′",
        strict=True,
    )
)
_SUB = dict(
    zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
)
_TOKEN = re.compile(r"\\([a-zA-Z]+)|\\(.)|([{}^_])|\s+|([^\\{}^_\s]+)", re.DOTALL)
_DEEPEST = 24


class _Doubt(Exception):
    """The formula is not simple."""


def readable(source: str) -> str | None:
    """Return the formula as plain text; None when it is not simple enough for that."""
    if len(source) > 400:
        return None
    try:
        shown = _Reader(source).all()
    except _Doubt:
        return None
    return " ".join(shown.split(" ")).strip() or None


def superscript(text: str) -> str | None:
    """Return the text in raised characters, if all of it has them."""
    return _mapped(text, _SUPER)


def subscript(text: str) -> str | None:
    """Return the text in lowered characters, if all of it has them."""
    return _mapped(text, _SUB)


def _mapped(text: str, characters: dict[str, str]) -> str | None:
    found = [characters.get(char) for char in text]
    return "".join(map(str, found)) if text and None not in found else None


class _Reader:
    def __init__(self, source: str) -> None:
        self._tokens = list(_TOKEN.finditer(source))
        if sum(len(found[0]) for found in self._tokens) != len(source):
            raise _Doubt
        self._at = 0
        self._deep = 0

    def all(self) -> str:
        """Return everything; raises _Doubt."""
        shown = self._until_brace()
        if self._at < len(self._tokens):
            raise _Doubt
        return shown

    def _until_brace(self) -> str:
        pieces = []
        while self._at < len(self._tokens) and self._tokens[self._at][0] != "}":
            pieces.append(self._piece())
        return "".join(pieces)

    def _piece(self) -> str:
        """One symbol, word, group or script."""
        self._deep += 1
        if self._deep > _DEEPEST:
            raise _Doubt
        try:
            return self._next()
        finally:
            self._deep -= 1

    def _next(self) -> str:
        found = self._tokens[self._at]
        self._at += 1
        if found[1]:
            return self._command(found[1])
        if found[2]:
            return _SPACES[found[2]] if found[2] in _SPACES else _escaped(found[2])
        if found[3] == "^":
            return self._script("^")
        if found[3] == "_":
            return self._script("_")
        if found[3] == "{":
            return self._group()
        if found[4] and found[4].strip("&"):
            return found[4].replace("'", "′")
        return " " if not found[4] else ""

    def _group(self) -> str:
        inside = self._until_brace()
        if self._at >= len(self._tokens):
            raise _Doubt
        self._at += 1
        return inside

    def _argument(self) -> str:
        """Return what a command or script applies to: a group, a command or one character."""
        while self._at < len(self._tokens) and not self._tokens[self._at][0].strip():
            self._at += 1
        if self._at >= len(self._tokens):
            raise _Doubt
        found = self._tokens[self._at]
        if found[4] and len(found[4]) > 1:
            first, rest = found[4][0], found[4][1:]
            self._tokens[self._at : self._at + 1] = [
                *_TOKEN.finditer(first),
                *_TOKEN.finditer(rest),
            ]
        return self._piece()

    def _script(self, sign: str) -> str:
        inside = self._argument().strip()
        if inside == "∘" and sign == "^":
            return "°"
        mapped = superscript(inside) if sign == "^" else subscript(inside)
        if mapped is not None:
            return mapped
        return f"{sign}{inside}" if len(inside) == 1 else f"{sign}({inside})"

    def _command(self, name: str) -> str:
        known = _SYMBOLS | _WIDE
        if name in known:
            return known[name]
        if name in _NAMES:
            follows = self._tokens[self._at][0] if self._at < len(self._tokens) else ""
            return name + (" " if follows[:1].isalnum() or follows[:1] in ("{", "\\") else "")
        if name in _NOTHING:
            return ""
        if name in ("frac", "dfrac", "tfrac"):
            above, below = self._argument(), self._argument()
            return f"{_bracketed(above)}/{_bracketed(below)}"
        if name == "sqrt":
            return f"√{_bracketed(self._argument())}"
        if name in _PLAIN:
            return self._argument()
        letter = self._argument()
        if name == "mathbb" and letter in _DOUBLE:
            return _DOUBLE[letter]
        if name in _ACCENTS and len(letter) == 1:
            return letter + _ACCENTS[name]
        raise _Doubt


def _escaped(char: str) -> str:
    if char in "{}$%&#_|":
        return "‖" if char == "|" else char
    raise _Doubt


def _bracketed(text: str) -> str:
    """Brackets where the division would read otherwise without them."""
    text = text.strip()
    return text if re.fullmatch(r"[\d.]+|\w[²³′]?|.", text) else f"({text})"
