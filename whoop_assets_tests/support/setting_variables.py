"""The environment variables that the settings read."""

from whoop_assets.settings import Settings

SETTING_VARIABLES = {
    str(field.validation_alias or f"WHOOP_{name.upper()}")
    for name, field in Settings.model_fields.items()
    if name != "iceberg_properties"  # from variables of pyiceberg
}
