from dataclasses import dataclass


@dataclass
class RepetitionDetectionParams:
    max_pattern_size: int
    min_pattern_size: int
    min_count: int


@dataclass
class StructuredOutputsParams:
    regex: str
