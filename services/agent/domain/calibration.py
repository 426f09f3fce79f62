"""Calibration: from evidence (`evidence`) to the chance that the passage is the right place to look.

The knots were drawn by hand through isotonic regression (pool adjacent violators: Ayer et al., "An empirical distribution
function for sampling with incomplete information", 1955; as a calibration: Zadrozny and Elkan, "Transforming classifier
scores into accurate multiclass probability estimates", 2002) over the answers of the extractive model to the tuning half of
our own questions (weight 3 each), a public FAQ set (0.5), and the same with every second topic taken away, so that half of
its questions have no answer (0.15). The weights say how often customers are thought to ask what nobody wrote down: about
three questions in ten. `python -m tests.evals grounding` prints how well it holds; between knots it is a straight line.
"""

from itertools import pairwise

KNOTS = (
    (0.0, 0.02), (0.2, 0.1), (0.34, 0.45), (0.44, 0.55), (0.5, 0.6), (0.56, 0.7), (0.62, 0.8), (0.68, 0.9), (0.8, 0.95), (1.0, 0.99),
)  # fmt: skip


def chance(evidence: float) -> float:
    """Give the chance, 0..1, that an answer from a passage with this evidence is right."""
    if evidence <= KNOTS[0][0]:
        return KNOTS[0][1]
    for (low, at_low), (high, at_high) in pairwise(KNOTS):
        if evidence <= high:
            return at_low + (at_high - at_low) * (evidence - low) / (high - low)
    return KNOTS[-1][1]
