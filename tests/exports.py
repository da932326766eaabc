"""Files as Amazon exports them from Brand Analytics, Search Query Performance, ASIN view."""

from __future__ import annotations

WEEKLY = (
    'ASIN or Product=["B00TEST001"],Reporting Range=["Weekly"],Select week=["Week 46 | 2026-11-08 - 2026-11-14 2026"]'
)
MONTHLY = 'ASIN=["B00TEST001"],Reporting Range=["Monthly"],Select year=["2026"],Select month=["October"]'
QUARTERLY = 'ASIN=["B00TEST001"],Reporting Range=["Quarterly"],Select year=["2026"],Select quarter=["3"]'
BRAND = 'Brand=["Acme"],Reporting Range=["Weekly"],Select week=["Week 46 | 2026-11-08 - 2026-11-14 2026"]'

AMERICAN = (
    '"Search Query","Search Query Score","Search Query Volume","Impressions: Total Count","Impressions: ASIN Count",'
    '"Impressions: ASIN Share %","Clicks: Total Count","Clicks: Click Rate %","Clicks: ASIN Count",'
    '"Clicks: ASIN Share %","Clicks: Price (Median)","Clicks: ASIN Price (Median)","Clicks: Same Day Shipping Speed",'
    '"Clicks: 1D Shipping Speed","Clicks: 2D Shipping Speed","Cart Adds: Total Count","Cart Adds: Cart Add Rate %",'
    '"Cart Adds: ASIN Count","Cart Adds: ASIN Share %","Cart Adds: Price (Median)","Cart Adds: ASIN Price (Median)",'
    '"Cart Adds: Same Day Shipping Speed","Cart Adds: 1D Shipping Speed","Cart Adds: 2D Shipping Speed",'
    '"Purchases: Total Count","Purchases: Purchase Rate %","Purchases: ASIN Count","Purchases: ASIN Share %",'
    '"Purchases: Price (Median)","Purchases: ASIN Price (Median)","Purchases: Same Day Shipping Speed",'
    '"Purchases: 1D Shipping Speed","Purchases: 2D Shipping Speed","Reporting Date"'
)
BRITISH = (
    AMERICAN.replace("Cart Add", "Basket Add")
    .replace("Same Day", "Same-Day")
    .replace("1D Shipping", "1D-Shipping")
    .replace("2D Shipping", "2D-Shipping")
)
EXAMPLE = (
    '"{query}","5","15,000","10,000","765","7.65","1,000","6.67","50","5.0","19.99","19.99","200","300","500",'
    '"200","1.33","10","5.0","19.99","","40","60","100","100","0.67","5","5.0","19.99","","20","30","50","{day}"'
)
"""The values of Amazon's published example; two median prices are missing."""


def line(query: str = "wireless headphones", day: str = "2026-11-14") -> str:
    """A line with Amazon's example values."""
    return EXAMPLE.format(query=query, day=day)


def export(*lines: str, first_line: str = WEEKLY, header: str = AMERICAN) -> str:
    """A file's text."""
    return "\n".join(filter(None, [first_line, header, *(lines or (line(),))])) + "\n"
