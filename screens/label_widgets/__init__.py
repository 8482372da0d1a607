"""The picture of the label screen: texts become panes, panes become lines, one widget draws the lines."""
