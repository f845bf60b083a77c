"""Settings: what services cost, for `imaging-assets plan`."""

from datetime import date

from pydantic import Field

from imaging_assets.policies.group import Group


class Prices(Group):
    """What you pay, from your own price sheet; none is known here, because prices differ by region and contract and change."""

    currency: str = Field("", description="Said beside a cost, such as `EUR`.")
    as_of: date | None = Field(None, description="Day you looked the prices up; said beside a cost.")
    custom_vision_1000_uploads: float | None = Field(None, ge=0, description="A thousand training images uploaded.")
    custom_vision_1000_predictions: float | None = Field(
        None, ge=0, description="A thousand predictions; quick-tests of a challenger are counted as such."
    )
    custom_vision_training_hour: float | None = Field(None, ge=0, description="An hour of training.")
    vision_1000_calls: float | None = Field(None, ge=0, description="A thousand images analysed by Azure AI Vision.")
