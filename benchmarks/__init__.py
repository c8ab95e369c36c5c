"""Speed claims, measured: ratios taken in one run, interleaved, beside the hardware they were taken on."""
